#!/bin/sh
# Hands a mail to the host's own mail system. Arguments: from, to, subject, send_empty_body, content_type, body.
set -eu

PATH="$PATH:/usr/sbin:/usr/lib"
if ! command -v sendmail >/dev/null; then
  echo "There is no program sendmail on this host; alert.mail sends by SMTP and needs none." >&2
  exit 2
fi

# A header ends with its line: what would begin another one is left out.
line() { printf '%s' "$1" | tr -d '\r\n'; }

from=$(line "$1")
to=$(line "$2")
subject=$(line "$3")
send_empty=$4
type=$(line "$5")
body=$6

case $from in
*@*) ;;
*) from="$from@$(hostname -f 2>/dev/null || hostname)" ;;
esac
if [ -z "$(printf '%s' "$body" | tr -d ' \t\r\n')" ] && [ "$send_empty" != 1 ]; then
  echo "Nothing was sent to $to: there is nothing in it"
  exit 0
fi

# Base64: letters of every language, no line too long, none that is a dot.
{
  printf 'From: %s\nTo: %s\n' "$from" "$to"
  printf 'Subject: =?UTF-8?B?%s?=\n' "$(printf '%s' "$subject" | base64 | tr -d '\n')"
  printf 'MIME-Version: 1.0\nContent-Type: %s; charset=utf-8\nContent-Transfer-Encoding: base64\n\n' "$type"
  printf '%s\n' "$body" | base64
} | sendmail -i -t || {
  echo "sendmail did not take the mail to $to" >&2
  exit 2
}
echo "Successfully sent mail to $to"
