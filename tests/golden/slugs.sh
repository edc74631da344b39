#!/bin/sh
# Every message dlc can print is shown by a test: each slug of `dlc explain --list` has a fail_<slug>[.variant].dl under
# ROOT, and each such file's expected output has its slug in brackets, as in `error[slug]`.
#   slugs.sh DLC ROOT
dlc=$1 root=$2 failed=0
slugs=$("$dlc" explain --list) && [ -n "$slugs" ] || { echo "\`dlc explain --list\` printed no slugs"; exit 1; }
for slug in $slugs; do
  [ -n "$(find "$root" -name "fail_$slug.*")" ] || { echo "no test shows [$slug]: add a fail_$slug.dl"; failed=1; }
done
for file in "$root"/*/fail_*; do
  [ -e "$file" ] || continue
  slug=$(basename "$file" | sed 's/^fail_//; s/\..*//')
  sed -n '/^\/\/ OUT:$/,$p' "$file" | grep -qF "[$slug]" || { echo "$file does not print [$slug]"; failed=1; }
  echo "$slugs" | grep -qxF -- "$slug" || { echo "$file: no message has the slug $slug"; failed=1; }
done
[ $failed = 0 ] && echo "$(echo "$slugs" | wc -l) slugs, each shown by a test"
exit $failed
