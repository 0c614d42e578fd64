#!/bin/sh
# Writes build/tools/chromium, which starts Debian's Chromium where there is one and otherwise
# the headless one that npm carries (it needs no root; its libraries and fonts come beside it).
set -eu
wrapper=build/tools/chromium
mkdir -p build/tools

if system=$(command -v chromium); then
    printf '#!/bin/sh\nexec "%s" "$@"\n' "$system" > "$wrapper"
else
    echo "installing a headless Chromium into build/tools"
    (cd scripts/tools && npm ci --no-audit --no-fund --loglevel=error)
    files=$PWD/build/tools/chromium-files
    rm -rf "$files"
    mkdir "$files"
    TMPDIR=$files node scripts/tools/unpack-chromium.mjs
    cat > "$wrapper" << END
#!/bin/sh
# Its own nss and nspr, on the library path of Chromium alone.
export LD_LIBRARY_PATH="$files/al2023/lib" FONTCONFIG_PATH="$files/fonts"
exec "$files/chromium" "\$@"
END
fi
chmod +x "$wrapper"
