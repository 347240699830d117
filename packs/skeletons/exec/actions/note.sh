#!/bin/sh
# Gives a note back as its result: what is printed as JSON becomes a value of the result's "stdout".
if [ -z "$1" ]; then
  echo "There is nothing to note." >&2
  exit 1
fi
printf 'Hello, %s\n' "$1"
