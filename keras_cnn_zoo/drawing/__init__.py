"""Every picture: sheets, boxes, texts, frames of videos."""
