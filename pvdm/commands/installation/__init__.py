"""What `pvdm doctor` looks at: packages, devices, codecs, caches and packaged models."""
