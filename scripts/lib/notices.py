"""Prints the licence texts of all crates that are linked into the release of fanmail, as MIT and BSD want them beside a binary."""

import json
import subprocess
from pathlib import Path

FILES = ("COPYING", "COPYRIGHT", "LICENCE", "LICENSE", "NOTICE", "UNLICENSE")


def linked_crates():
    """The crates below fanmail, without those that only tests and build scripts need."""
    command = "cargo metadata --locked --format-version 1 --features mysql,postgres --filter-platform x86_64-unknown-linux-gnu"
    output = subprocess.run(command.split(), stdout=subprocess.PIPE, check=True).stdout
    metadata = json.loads(output)
    dependencies = {node["id"]: node["deps"] for node in metadata["resolve"]["nodes"]}
    root = metadata["resolve"]["root"]
    found, unseen = set(), [root]
    while unseen:
        crate = unseen.pop()
        if crate not in found:
            found.add(crate)
            linked = (d for d in dependencies[crate] if any(kind["kind"] is None for kind in d["dep_kinds"]))
            unseen += (d["pkg"] for d in linked)
    crates = (package for package in metadata["packages"] if package["id"] in found - {root})
    return sorted(crates, key=lambda crate: (crate["name"], crate["version"]))


def main():
    crates_of = {}
    print("fanmail contains these crates:\n")
    for crate in linked_crates():
        name = f"{crate['name']} {crate['version']}"
        print(f"  {name}: {crate['license']}, by {', '.join(crate['authors']) or 'its authors'}")
        folder = Path(crate["manifest_path"]).parent
        for file in sorted(folder.iterdir()):
            if file.is_file() and file.name.upper().startswith(FILES):
                crates_of.setdefault(file.read_text(errors="replace").strip(), []).append(name)
    for text, names in crates_of.items():
        print(f"\n\n{'-' * 100}\nOf {', '.join(names)}:\n\n{text}")


main()
