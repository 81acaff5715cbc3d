"""The commands of the command line, one module each; what they share: options, jobs, display, batch.

Each command's module has ``add_parser(commands)``, and is imported only when its command is given, because importing
costs more time than most fits.
"""
