# SPDX-License-Identifier: GPL-2.0
"""Print the plugin's counts by function

profile.py ROW DIRECTORY: the row's number among the plugin's regions
profile.py ROW DIRECTORY VMLINUX: instructions a call, from DIRECTORY/profile.count
profile.py --lines DIRECTORY VMLINUX: transfers of cache lines a call, for all rows
"""
import bisect
import subprocess
import sys
from collections import Counter
from pathlib import Path


def find_row(guest, row):
    regions = [line.split("\t") for line in guest.read_text().splitlines()
               if line.count("\t") == 2]
    regions = [(name, int(count)) for name, count, _ in regions if int(count)]
    for place, (name, count) in enumerate(regions):
        if name == row:
            return place, count
    sys.exit(f"bench: no row \"{row}\", rows are: " +
             "; ".join(dict.fromkeys(name for name, _ in regions)))


def read_symbols(vmlinux, guest):
    text = subprocess.run(["nm", vmlinux], check=True, capture_output=True, text=True).stdout
    symbols = [line.split() for line in text.splitlines()]
    symbols = [(int(address, 16), name) for address, kind, name in symbols if kind in "tTW"]
    symbols += [(int(address, 16), name) for mark, address, name in
                (line.split() for line in guest.read_text().splitlines()
                 if line.startswith("# "))]
    return sorted(symbols)


class Symbols:
    """Names of addresses of one side: of the kernel, the module, user space"""

    def __init__(self, vmlinux, guest):
        symbols = read_symbols(vmlinux, guest)
        self.addresses = [address for address, _ in symbols]
        self.names = [name for _, name in symbols]

    def name(self, address):
        if address < 1 << 47:
            return "(user)"
        return self.names[bisect.bisect(self.addresses, address) - 1]


def read_regions(path, symbols):
    """For each region of the plugin, its numbers, and counts by function."""
    regions = []
    for line in path.read_text().splitlines():
        key, *rest = line.split()
        if key == "region":
            regions.append(([int(number) for number in rest], Counter()))
        elif key == "at":
            regions[-1][1][symbols.name(int(rest[0], 16))] += int(rest[1])
    return regions


def print_lines(directory, vmlinux):
    """The functions that write to cache lines of other CPUs, in transfers a call"""
    for guest in sorted(directory.glob("crowd*.[0-9]")):
        symbols = Symbols(vmlinux, guest)
        rows = [line.split("\t") for line in guest.read_text().splitlines()
                if line.count("\t") == 2]
        regions = read_regions(guest.with_name(guest.name + ".count"), symbols)
        for (name, count, _), (numbers, functions) in zip(rows, regions):
            print(f"{numbers[1] / int(count):8.2f} {name.removeprefix('lines: ')}")
            for function, transfers in functions.most_common():
                if transfers >= int(count) / 50:
                    print(f"{transfers / int(count):16.2f} {function}")


def main():
    if sys.argv[1] == "--lines":
        print_lines(Path(sys.argv[2]), sys.argv[3])
        return
    row, directory = sys.argv[1], Path(sys.argv[2])
    place, count = find_row(directory / "locked", row)
    if len(sys.argv) < 4:
        print(place)
        return
    symbols = Symbols(sys.argv[3], directory / "locked")
    regions = read_regions(directory / "profile.count", symbols)
    total = regions[place][1]
    for name, instructions in total.most_common():
        if instructions >= count / 10:
            print(f"{instructions / count:10.1f} {name}")
    print(f"{sum(total.values()) / count:10.1f} total, {directory.name}, {row}")


main()
