"""From a file of a foreign format to the files of a version. Runs in a process of its own, of bounded memory."""
