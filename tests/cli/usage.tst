# Words that the program knows and does not know.  See run-table.py for the format.
P overview        entroscope --help
P overview        entroscope -h
P overview        entroscope help
P version         entroscope --version
2 no-arguments    entroscope
2 unknown-command entroscope analyse
2 unknown-sure    entroscope frobnicate
