#!/usr/bin/env bash
# Installs aics-tlog, a verifier of checkpoints and inclusion proofs that is not ours, into a folder of its own.
# It needs Python 3.12 or newer. Where there is none, that of the next Debian is unpacked into the folder, with the
# libraries that it needs; nothing of the system is changed. Usage: tests/install_aics_tlog.sh FOLDER
set -euo pipefail
folder=$(mkdir -p "$1" && cd "$1" && pwd)
[ -x "$folder/python" ] && exit 0
wheels=(aics-tlog==0.2.1 cryptography==50.0.2 cffi==2.1.1 pycparser==3.12)
start=''
for name in python3.14 python3.13 python3.12 "$HOME"/.pyenv/versions/3.1[2-9]*/bin/python3; do
  # A shim of a version manager may be on the PATH and start nothing.
  if version=$("$name" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null); then
    start="exec '$(command -v "$name")'"
    break
  fi
done
if [ -z "$start" ]; then
  version=3.13
  apt=$folder/apt root=$folder/root
  mkdir -p "$apt"/{etc/sources.list.d,state/lists/partial,cache/archives/partial} "$root"
  : >"$apt/status"
  address=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | head -n 1)
  keys=/usr/share/keyrings/debian-archive-keyring.gpg
  echo "deb [signed-by=$keys] $address trixie main" >"$apt/etc/sources.list"
  options=(-qq -o "Dir::Etc=$apt/etc" -o "Dir::State=$apt/state" -o "Dir::State::status=$apt/status" -o "Dir::Cache=$apt/cache" -o APT::Sandbox::User=root)
  apt-get "${options[@]}" update
  apt-get "${options[@]}" -y --download-only --no-install-recommends install python3.13-minimal libpython3.13-stdlib >/dev/null
  for package in "$apt"/cache/archives/*.deb; do dpkg-deb -x "$package" "$root"; done
  rm -r "$apt"
  libraries=$(dirname "$(find "$root" -name libc.so.6 | head -n 1)")
  loader=$(find "$root" -name 'ld-linux-*' | head -n 1)
  start="PYTHONHOME='$root/usr' exec '$loader' --library-path '$libraries' '$root/usr/bin/python3.13'"
fi
python3 -m pip install -q --no-deps --target "$folder/site" --python-version "$version" --only-binary=:all: \
  --ignore-requires-python "${wheels[@]}"
printf '#!/bin/sh\nexport PYTHONPATH="%s"\n%s "$@"\n' "$folder/site" "$start" >"$folder/python.new"
chmod +x "$folder/python.new"
"$folder/python.new" -c 'import aics_tlog'
mv "$folder/python.new" "$folder/python"
