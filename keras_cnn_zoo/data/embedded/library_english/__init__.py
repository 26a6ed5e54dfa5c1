"""English from the standard library's own documentation: which package is a sentence about?"""
