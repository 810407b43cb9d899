#!/bin/bash
# base-image.sh DIR [PYTHON_PREFIX]
#
# Make a root file system like python:3.11-slim in DIR, from this machine's own packages and Python: no registry, no network.
# It is a stand-in for the public image, for machines that cannot pull one: say so wherever it matters.
#   tar -C DIR -c . | docker import - NAME
#
# It differs from the real one: no apt, libgomp1 is there, and everything has this machine's versions.
# 75: it can't be made here, one line on stderr says why.
set -euo pipefail

unavailable() { printf '[base-image] no stand-in base: %s\n' "$*" >&2; exit 75; }

root=${1:?usage: base-image.sh DIR [PYTHON_PREFIX]}
python=${2:-$(python3 -c 'import sys; print(sys.base_prefix)')}
command -v dpkg-query >/dev/null || unavailable "it is made of Debian packages, and this is no Debian"
[ -x "$python/bin/python3.11" ] || unavailable "it needs Python 3.11, and $python has none"

packages="base-files base-passwd bash coreutils dash debianutils diffutils findutils grep gzip hostname login mount sed tar
util-linux libc-bin libc6 libcrypt1 libgcc-s1 libstdc++6 libgomp1 libssl3 libsqlite3-0 libffi8 zlib1g libbz2-1.0 liblzma5
libreadline8 libtinfo6 libncursesw6 libuuid1 libgdbm6 libdb5.3 libexpat1 libselinux1 libpcre2-8-0 libacl1 libattr1 libgmp10
libmount1 libblkid1 libsmartcols1 libcap-ng0 libaudit1 libpam0g libpam-runtime libtirpc3 libnsl2 ca-certificates openssl
netbase tzdata procps libproc2-0 libsystemd0 liblz4-1 libzstd1 libgcrypt20 libgpg-error0 libcap2"

rm -rf "$root"
mkdir -p "$root"/{usr/{bin,sbin,lib,lib64,local/bin},etc/ssl/certs,etc/ld.so.conf.d,tmp,proc,sys,dev,root,run,var/tmp,opt,home}
for name in bin sbin lib lib64; do ln -s "usr/$name" "$root/$name"; done

# A package that is not installed is skipped: what of it matters shows when the image is built and run.
# shellcheck disable=SC2086
{ dpkg-query -L $packages 2>/dev/null || true; } |
  grep -vE '^/usr/share/(doc|man|locale|info|lintian|bash-completion)' | sort -u |
  while read -r file; do if [ -L "$file" ] || [ -f "$file" ]; then echo "${file#/}"; fi; done |
  sed -E 's#^(bin|sbin|lib|lib64)/#usr/\1/#' | sort -u |
  { tar -C / --no-recursion -c --ignore-failed-read -T - 2>/dev/null || true; } | tar -C "$root" -x

# The certificates of a plain Debian: this machine's own additions stay out of an image.
if ! dpkg-query -s ca-certificates >/dev/null 2>&1; then unavailable "the package ca-certificates is not installed"; fi
(cd /usr/share/ca-certificates/mozilla && cat ./*.crt) >"$root/etc/ssl/certs/ca-certificates.crt"

printf 'root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n' >"$root/etc/passwd"
printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
printf 'passwd: files\ngroup: files\nhosts: files dns\n' >"$root/etc/nsswitch.conf"

if [ "$python" = /usr ]; then # Debian's own: the library is spread over /usr
  tar -C / -c usr/bin/python3.11 usr/lib/python3.11 usr/lib/python3 | tar -C "$root" -x
  ln -s ../../bin/python3.11 "$root/usr/local/bin/python3.11"
else
  tar -C "$python" --exclude='*/site-packages/*' --exclude='*/test' --exclude='*/config-3.11-*' --exclude='*.a' \
    --exclude=./bin --exclude=./share --exclude=./include --exclude='*/idlelib' -c . | tar -C "$root/usr/local" -x
  cp -a "$python/bin/python3.11" "$root/usr/local/bin/"
  (cd "$python" && tar -c lib/python3.11/site-packages/{pip,pip-*.dist-info,setuptools,setuptools-*.dist-info}) 2>/dev/null |
    tar -C "$root/usr/local" -x || true
fi
ln -s python3.11 "$root/usr/local/bin/python3"
ln -s python3 "$root/usr/local/bin/python"
printf '#!/bin/sh\nexec /usr/local/bin/python3 -m pip "$@"\n' >"$root/usr/local/bin/pip"
chmod 755 "$root/usr/local/bin/pip"

echo /usr/local/lib >"$root/etc/ld.so.conf.d/local.conf"
cp -a /etc/ld.so.conf.d/. "$root/etc/ld.so.conf.d/"
echo 'include /etc/ld.so.conf.d/*.conf' >"$root/etc/ld.so.conf"
chmod 1777 "$root/tmp" "$root/var/tmp"
ldconfig -r "$root" 2>/dev/null || true
chroot "$root" python3 -m pip --version >/dev/null 2>&1 || unavailable "its Python or pip does not start (is pip installed for $python/bin/python3.11?)"
