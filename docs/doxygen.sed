# SPDX-License-Identifier: LGPL-2.1-or-later
# Makes the plain comments of the headers Doxygen's (docs/Doxyfile). The comment at the head of a
# file, behind its SPDX line, describes the file.
1s|^// SPDX-.*|/// \\file|
t
\|//|{
  h
  s|^[^/]*//||
  # What Doxygen would take for its own.
  s|[\\@<>#%&]|\\&|g
  x
  s|//.*|//|
  G
  s|\n||
  s|^( *)//|\1///|
  t
  s|//|///<|
}
