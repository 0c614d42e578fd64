#!/bin/sh
# SIPp, tshark and nginx come from Debian, which only root may install; without them the tests' table
# tells the line.
set -eu
missing=
command -v sipp > /dev/null || missing="$missing sip-tester"
command -v tshark > /dev/null || missing="$missing tshark"
command -v nginx > /dev/null || missing="$missing nginx-light"
[ -n "$missing" ] || exit 0
[ "$(id -u)" -eq 0 ] && command -v apt-get > /dev/null || exit 0
echo "installing$missing"
apt-get -qq update
# shellcheck disable=SC2086  (a list of packages)
DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends $missing > /dev/null
