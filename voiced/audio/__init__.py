"""Numbers in, numbers out: codecs, resampling, reordering, level. Pure."""
