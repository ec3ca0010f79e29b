# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tables of properties in docs/element.md, made from the elements themselves.

    property_table.py DOCUMENT          compare; TAP, fails with the difference
    property_table.py DOCUMENT --write  put the tables between their markers

The plugin is found by GST_PLUGIN_PATH.
"""
import difflib
import re
import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GObject, Gst  # noqa: E402

ELEMENTS = ("lightavseg", "lightavsegmask", "lightavsegaudio")
# GstParamFlags, which PyGObject does not export.
CONTROLLABLE, MUTABLE_READY, MUTABLE_PAUSED, MUTABLE_PLAYING = 1 << 9, 1 << 10, 1 << 11, 1 << 12


def default_of(element, spec):
    value = getattr(spec, "default_value", None)  # a structure has none
    if spec.value_type == GObject.TYPE_BOOLEAN:
        return "true" if value else "false"
    if spec.value_type.is_a(GObject.TYPE_ENUM):  # newer PyGObject gives the number
        return element.get_property(spec.name).value_nick
    if spec.name == "overlay-color":
        return f"0x{value:08x}"
    if isinstance(value, float):
        return f"{value:g}"
    return "" if value is None else str(value)


def when(spec):
    flags = int(spec.flags)
    if not flags & GObject.ParamFlags.WRITABLE:
        return "read-only"
    if flags & CONTROLLABLE:
        return "always, controllable"
    if flags & MUTABLE_PLAYING:
        return "always"
    if flags & MUTABLE_PAUSED:
        return "up to PAUSED"
    return "up to READY"


def table(name):
    element = Gst.ElementFactory.make(name)
    if not element:
        sys.exit(f"there is no element {name}; is GST_PLUGIN_PATH set?")
    own = element.__gtype__
    lines = ["| property | default | change | what |", "| --- | --- | --- | --- |"]
    for spec in element.list_properties():
        if spec.owner_type != own:
            continue
        if not spec.nick or not spec.blurb:
            sys.exit(f"{name}.{spec.name} has no nick or no blurb")
        cells = (f"`{spec.name}`", default_of(element, spec), when(spec), spec.blurb)
        lines.append(f"| {' | '.join(cells)} |")
    if len(lines) == 2:
        return "No properties of its own."
    return "\n".join(lines)


def main():
    path = sys.argv[1]
    with open(path, encoding="utf-8") as file:
        text = file.read()
    wanted = text
    for name in ELEMENTS:
        begin, end = f"<!-- properties of {name} -->", f"<!-- end of {name} -->"
        if begin not in text or end not in text:
            sys.exit(f"{path}: there is no '{begin}' ... '{end}'")
        wanted = re.sub(re.escape(begin) + ".*?" + re.escape(end),
                        lambda _: f"{begin}\n{table(name)}\n{end}", wanted, flags=re.S)
    if "--write" in sys.argv:
        with open(path, "w", encoding="utf-8") as file:
            file.write(wanted)
        return
    print("1..1")
    if wanted == text:
        print("ok 1 - tables of properties")
        return
    for line in difflib.unified_diff(text.splitlines(), wanted.splitlines(), "written", "true",
                                     lineterm=""):
        print("#", line)
    print("not ok 1 - tables of properties (property_table.py DOCUMENT --write mends them)")
    sys.exit(1)


Gst.init(None)
main()
