// The player of the recordings.
