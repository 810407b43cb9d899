"""Files and folders as rows, a module a format; `finding` tells the formats apart by what they hold.

A format yields `Record`s and, for what it cannot read, `Refused`. It raises ImportFailedError where nothing
can be read at all. Memory stays flat whatever the size; heavy libraries are imported when first needed.
"""
