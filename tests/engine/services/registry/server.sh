#!/bin/sh
# An MCP server of busybox alone: its one tool says how it was begun, and as whom.
where="$* in $PWD as $(id -u) in $HOME with ${GREETING:-nothing} and ${GIVEN:-nothing}"
while read -r line; do
  id=$(printf '%s' "$line" | sed -n 's/.*"id": *\([0-9]*\).*/\1/p')
  case $line in
  *'"initialize"'*)
    result='{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"image","version":"1"}}' ;;
  *'"tools/list"'*)
    result='{"tools":[{"name":"where","description":"How it was begun","inputSchema":{"type":"object"}}]}' ;;
  *'"tools/call"'*) result='{"content":[{"type":"text","text":"'$where'"}]}' ;;
  *'"ping"'*) result='{}' ;;
  *) continue ;;
  esac
  printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$id" "$result"
done
