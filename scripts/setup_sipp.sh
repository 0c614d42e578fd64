#!/bin/sh
# SIPp comes from Debian, which only root may install; without it the tests' table tells the line.
set -eu
command -v sipp > /dev/null && exit 0
[ "$(id -u)" -eq 0 ] && command -v apt-get > /dev/null || exit 0
echo "installing sip-tester"
apt-get -qq update
DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends sip-tester > /dev/null
