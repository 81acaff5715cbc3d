"""The commands, a module each with ``add_arguments(parser)``, imported only when its command is given."""
