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
    # Its own configuration looks for the fonts under /tmp; without any font Chromium ends at a text field.
    cat > "$files/fonts.conf" << END
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>$files/fonts/fonts</dir>
  <cachedir>$files/fonts-cache</cachedir>
</fontconfig>
END
    cat > "$wrapper" << END
#!/bin/sh
# Its own nss and nspr, on the library path of Chromium alone, and its own fonts.
export LD_LIBRARY_PATH="$files/al2023/lib" FONTCONFIG_FILE="$files/fonts.conf"
exec "$files/chromium" "\$@"
END
fi
chmod +x "$wrapper"
