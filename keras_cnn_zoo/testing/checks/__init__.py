"""The guarantees, one file for each: functions of a `Case` that raise `Broken`."""
