#!/bin/bash
# Training and prediction from outside: interruption at any moment, files that are saved, data and weights that are bad.
#   training.sh DLC        (from the root of the source tree)
set -u
dlc=$(realpath "$1")
root=$PWD
tmp=$(mktemp -d)
mounted=
trap '[ -z "$mounted" ] || umount "$mounted"; rm -rf "$tmp"' EXIT
failed=0
cp examples/data/wdbc.csv "$tmp" && cd "$tmp" || exit 1

fail() { echo "FAILED: $1"; cat out err; failed=1; }
# expect STATUS WORD COMMAND…: the command exits so, and what it prints has the word in it.
expect() {
  local status=$1 word=$2
  shift 2
  "$@" >out 2>err </dev/null
  local got=$?
  [ $got = "$status" ] || fail "status $got instead of $status: $*"
  [ -z "$word" ] || cat out err | grep -qF -- "$word" || fail "no \`$word\`: $*"
}
# program FILE [SED]: examples/net2.dl that saves its weights, with dropout, and away from log(0) however long it trains; edited.
program() {
  sed -e 's#data/wdbc.csv#wdbc.csv#' -e 's/sigmoid(W1 @ x + b1)/dropout(sigmoid(W1 @ x + b1), rate = 0.1)/' \
    -e 's/let h = predict(x)/let h = clamp(predict(x), 1e-6, 1 - 1e-6)/' \
    -e "s/^  metrics .*/&\n  save best \"best.safetensors\"  save last \"last.safetensors\"/" "$root/examples/net2.dl" | sed -e "${2:-}" >"$1"
}
program net.dl

# ---- a run, its files, and what it prints
expect 0 'accuracy' "$dlc" train net.dl --set epochs=3 --log csv:run.csv,jsonl:run.jsonl
[ "$(head -1 run.csv)" = 'epoch,updates,lr,objective,loss,valid_loss,accuracy,auc' ] && [ "$(wc -l <run.csv)" = 4 ] || fail 'run.csv'
[ "$(while read -r line; do echo "$line" | python3 -c 'import json, sys; print(json.load(sys.stdin)["epoch"])'; done <run.jsonl | xargs)" = '1 2 3' ] || fail 'run.jsonl'
expect 0 '"test"' "$dlc" train net.dl --set epochs=1 --json
python3 -m json.tool out >/dev/null || fail 'the result is not JSON'
expect 2 'there is no such entry' "$dlc" train net.dl --set learning=3
expect 2 'is not a whole number' "$dlc" train net.dl --set epochs=x
expect 2 'has no such argument; it has lr, beta1' "$dlc" train net.dl --set optimizer.momentum=0.5
expect 2 'is not a number from 0 to 1' "$dlc" train net.dl --set optimizer.beta1=2
for entry in clip.norm schedule.every schedule.floor; do
  expect 2 'has no such entry to change' "$dlc" train net.dl --set $entry=1
done
for threads in 0 -1 257 x; do expect 2 'threads' "$dlc" train net.dl --threads $threads; done
expect 1 'has no `train` block' "$dlc" train "$root/examples/slides.dl"
expect 0 '' "$dlc" train net.dl --set epochs=3 --set optimizer.lr=0.02 --log csv:faster.csv
cut -d, -f3 faster.csv | sed 1d | sort -u | grep -qx 0.02 || fail 'another learning rate'
# The best weights are those of the epoch with the least loss; with a wild rate that is not the last one.
expect 0 '' "$dlc" train net.dl --set epochs=12 --set optimizer.lr=0.9 --log csv:wild.csv
best=$(sed 1d wild.csv | sort -t, -g -k5 | head -1 | cut -d, -f1)
expect 0 '' "$dlc" train net.dl --set optimizer.lr=0.9 --set epochs="$best" --log csv:again.csv --checkpoint best.ckpt
expect 0 '' cmp best.safetensors best.ckpt

# ---- batch normalisation: its states are in the file, and a run that stopped goes on with them
cat >norm.dl <<'DL'
model Normed[D, H] {
  param W: f32[H, D] ~ he_normal()
  param w: f32[H] ~ glorot_uniform()
  state mean_: f32[H] = 0
  state spread: f32[H] = 1
  fn norm(x: f32[H]) -> f32[H] {
    let (m, s) = if training {
      let m = batch_mean(x)
      (m, batch_mean((x - m)^2))
    } else { (mean_, spread) }
    update mean_ = 0.9 * mean_ + 0.1 * m
    update spread = 0.9 * spread + 0.1 * s
    return (x - m) * rsqrt(s + 1e-5)
  }
  fn predict(x: f32[D]) -> f32 = sigmoid(dot(w, relu(norm(W @ x))))
  loss(x: f32[D], y: f32) -> f32 {
    let h = clamp(predict(x), 1e-6, 1 - 1e-6)
    return -(y * log(h) + (1 - y) * log(1 - h))
  }
}
train Normed[D = 30, H = 8] {
  data csv("wdbc.csv") { x = columns(0..30)  y = column("diagnosis", M = 1, B = 0) }
  normalize x = zscore  objective mean(loss)  optimizer adam(lr = 1e-2)  batch 32  epochs 6  metrics accuracy
  save last "norm.safetensors"
}
DL
expect 0 'accuracy 0.9' "$dlc" train norm.dl
head -c 4000 norm.safetensors | grep -aq '"states":"mean_,spread"' || fail 'the states of a model are not named in its file'
expect 0 '' "$dlc" predict norm.dl --weights norm.safetensors --data wdbc.csv
cp norm.safetensors whole.safetensors
expect 0 '' "$dlc" train norm.dl --set epochs=2 --checkpoint norm.ckpt
expect 0 '' "$dlc" train norm.dl --resume norm.ckpt
expect 0 '' cmp norm.safetensors whole.safetensors
sed 's/state spread: f32\[H\]/state spread_: f32[H]/; s/\bspread\b/spread_/g' norm.dl >other.dl
expect 1 'the state `spread_` is missing' "$dlc" predict other.dl --weights norm.safetensors --data wdbc.csv

# ---- predictions
expect 0 '' "$dlc" train net.dl
expect 0 '' "$dlc" predict net.dl --weights last.safetensors --data wdbc.csv -o predictions.csv
[ "$(head -1 predictions.csv)" = predict ] && [ "$(wc -l <predictions.csv)" = 570 ] || fail 'predictions.csv'
python3 - <<'PY' >out 2>err || fail 'the predictions are not good'
import csv
p = [float(x) for x in open("predictions.csv").read().split()[1:]]
rows = list(csv.reader(open("wdbc.csv")))
assert sum((a > 0.5) == (r[-1] == "M") for a, r in zip(p, rows[1:])) / len(p) > 0.97
csv.writer(open("reversed.csv", "w")).writerows([r[-2::-1] for r in rows])  # columns in another order, no target
PY
"$dlc" predict net.dl --weights last.safetensors --data reversed.csv 2>err | cmp - predictions.csv >out || fail 'columns in another order'
gzip -c reversed.csv >reversed.gz
"$dlc" predict net.dl --weights last.safetensors --data reversed.gz 2>err | cmp - predictions.csv >out || fail 'a packed table'
expect 0 '{"predict":[' "$dlc" predict net.dl --weights last.safetensors --data reversed.csv --json
python3 -m json.tool out >/dev/null || fail 'the predictions are not JSON'
program other.dl 's/return sigmoid(dot/return tanh(dot/'
expect 1 'with another `predict`' "$dlc" predict other.dl --weights last.safetensors --data wdbc.csv
program other.dl 's/Net2/Net3/'
expect 1 'weights of a model `Net2`' "$dlc" predict other.dl --weights last.safetensors --data wdbc.csv
program other.dl 's/H = 16/H = 8/'
expect 1 '`W1` has the shape [16, 30], and the program'"'"'s [8, 30]' "$dlc" predict other.dl --weights last.safetensors --data wdbc.csv
program other.dl 's/W2/V2/'
expect 1 'the parameter `V2` is missing' "$dlc" predict other.dl --weights last.safetensors --data wdbc.csv
program other.dl 's/f32/f64/g'
expect 1 '`W1` is F32, and the program'"'"'s F64' "$dlc" predict other.dl --weights last.safetensors --data wdbc.csv
cut -d, -f2- wdbc.csv >narrow.csv
expect 1 'no column `radius_mean`' "$dlc" predict net.dl --weights last.safetensors --data narrow.csv
sed '4s/,[^,]*,/,abc,/' wdbc.csv >text.csv
expect 1 'text.csv:4: column 1 `texture_mean`: `abc` is not a number' "$dlc" predict net.dl --weights last.safetensors --data text.csv
expect 1 'cannot write' "$dlc" predict net.dl --weights last.safetensors --data wdbc.csv -o none/p.csv
"$dlc" predict net.dl --weights last.safetensors --data wdbc.csv >/dev/full 2>err && fail 'a full device is not an error'
# A missing cell gets the training rows' mean, as in training.
program mean.dl 's/csv("wdbc.csv")/csv("holes.csv", missing = mean)/; s/last.safetensors/mean.safetensors/'
sed '4s/,[^,]*,/,,/; 9s/,[^,]*,/,NA,/' wdbc.csv >holes.csv
expect 0 '' "$dlc" train mean.dl --set epochs=2
expect 0 '' "$dlc" predict mean.dl --weights mean.safetensors --data holes.csv
expect 1 'holes.csv:4: column 1 `texture_mean`: the cell is empty' "$dlc" predict net.dl --weights last.safetensors --data holes.csv

# ---- idx files, texts and several tables
python3 - <<'PY'
import gzip, struct
def idx(path, sizes, data):
    with (gzip.open if path.endswith(".gz") else open)(path, "wb") as f:
        f.write(bytes([0, 0, 8, len(sizes)]) + b"".join(struct.pack(">I", n) for n in sizes) + bytes(data))
n = 60
images = [(31 * i + 17 * j + (120 if j % 3 == i % 3 else 0)) % 256 for i in range(n) for j in range(12)]
idx("images.gz", [n, 3, 4], images)
idx("labels", [n], [i % 3 for i in range(n)])
open("text", "w").write("the cat sat on the mat; " * 20)
PY
cat >kinds.dl <<'DL'
model Kinds {
  param W: f32[3, 12] ~ glorot_uniform()
  param b: f32[3] = 0
  fn predict(x: f32[12]) -> f32[3] = softmax(W @ x + b)
  loss(x: f32[12], y: int) {
    let p = predict(x)[y]
    return (-log(p), sure = p)
  }
}
train Kinds {
  data idx("images.gz", "labels") { x = reshape(images / 255, [12])  y = labels }
  normalize x = affine(mean = 0.5, std = 0.3)  split train = 40 valid = 15
  objective mean(loss)  optimizer adam(lr = 1e-2)  batch 8  epochs 2
  metrics accuracy, mean(loss.sure)  save last "kinds.safetensors"
}
DL
expect 0 'sure 0.' "$dlc" train kinds.dl
grep -q '40 examples to train, 15 to validate' err || fail 'rows by their number'
expect 0 '' "$dlc" predict kinds.dl --weights kinds.safetensors --data images.gz -o scores.csv
[ "$(wc -l <scores.csv)" = 61 ] || fail 'scores of an idx file'
expect 0 '' "$dlc" predict kinds.dl --weights kinds.safetensors --data images=images.gz -o scores2.csv
expect 0 '' cmp scores.csv scores2.csv
expect 1 'is given for none of the sources' "$dlc" predict kinds.dl --weights kinds.safetensors --data pictures=images.gz --data images=images.gz
expect 1 'the data are one file' "$dlc" predict net.dl --weights last.safetensors --data wdbc.csv --data wdbc.csv
expect 1 'bad IDX data at byte 0' "$dlc" predict kinds.dl --weights kinds.safetensors --data wdbc.csv
expect 1 'a row of `labels` is [], and the field is [12]' "$dlc" predict kinds.dl --weights kinds.safetensors --data labels
expect 0 '' "$dlc" train kinds.dl --set data.images=images.gz --set split.train=30 --set epochs=1
expect 2 'the block reads 2 files' "$dlc" train kinds.dl --set data=images.gz
expect 2 'there is no such file' "$dlc" train kinds.dl --set data.pictures=images.gz
expect 1 'take 75 rows, and there are 60' "$dlc" train kinds.dl --set split.train=60
gunzip -c images.gz | head -c 500 >short
expect 1 'bad IDX data at byte 500: the file ends early: [60, 3, 4] unsigned bytes are 720 bytes, and 484 bytes follow' "$dlc" train kinds.dl --set data.images=short
cat >next.dl <<'DL'
model Next[V, T] {
  param E: f32[V, V] ~ normal(0, 0.1)
  fn predict(ids: int[T]) -> f32[V] = softmax(E[ids[T - 1]])
  loss(ids: int[T]) = logsumexp(E[ids[T - 2]]) - E[ids[T - 2], ids[T - 1]]
}
train Next[V = 12, T = 4] {
  data text("text") { ids = window(T, stride = 1) }
  split train = 0.8 valid = 0.2  objective mean(loss)  optimizer adam(lr = 0.1)  epochs 3  save last "next.safetensors"
}
DL
expect 0 'valid loss' "$dlc" train next.dl
echo 'the mat' >new
expect 1 'new:1: the character `\n` did not occur in training' "$dlc" predict next.dl --weights next.safetensors --data new
printf 'the mat' >new
expect 0 'predict_11' "$dlc" predict next.dl --weights next.safetensors --data new
[ "$(wc -l <out)" = 5 ] || fail 'a row for each window'
expect 1 'different characters, more than the 12' "$dlc" train next.dl --set data="$root/README.md"
cat >two.dl <<'DL'
model Two {
  param w: f64 = 2
  loss inside(x: f64) = x^2 * w^2
  loss edge(y: f64) = (y - w)^2
}
train Two {
  data csv("a.csv") { x = column("x")  k = column("k", missing = 1) }
  data csv("b.csv") { y = column("y") }
  objective mean(inside, weight = k) + mean(edge)  optimizer sgd(lr = 0.1)  epochs 50
}
DL
printf 'x\n1\n2\n' >a.csv
printf 'y\n3\n' >b.csv
expect 0 '6.42857' "$dlc" train two.dl  # the least of 2.5 w^2 + (3 - w)^2
grep -q 'Two: 2 + 1 examples' err || fail 'rows of two tables'
expect 0 '' "$dlc" compile two.dl -o two.o
grep -q 'Two_train_step(const dlc_ctx\* ctx, const int64_t\* n,' two.h || fail 'the header of a step on two data'
# One step from C: w = 2, so dw = 5 w - 2 (3 - w) = 8 and the next w is 1.2.
cat >two.c <<'C'
#include <stdlib.h>
#include "two.h"
int main(void) {
  static _Alignas(64) double state[Two_PART * Two_PARTS], next[Two_PART * Two_PARTS];
  const double x[] = {1, 2}, k[] = {1, 1}, y[] = {3}, scales[] = {0.5, 1}, hyper[] = {0.1};
  const void* fields[] = {x, k, y};
  const int64_t n[] = {2, 1}, rows[] = {1, 0, 0};
  double losses[2];
  void* workspace = aligned_alloc(64, ((size_t)Two_train_step_ws(n) + 63) / 64 * 64);
  state[Two_AT_w] = 2;
  if (Two_train_step(0, n, rows, fields, 0, scales, hyper, state, next, losses, workspace) != DLC_OK) return 1;
  return losses[0] == 11 && next[Two_AT_w] > 1.19999 && next[Two_AT_w] < 1.20001 ? 0 : 2;
}
C
expect 0 '' cc -std=c11 -Wall -Werror two.c two.o -lm -o two
expect 0 '' ./two

# ---- killed at 50 moments: nothing is corrupt, and the end has the same bits
long=(--set epochs=150)
sane() {  # FILE…: whole safetensors, where they exist
  python3 - "$@" <<'PY'
import json, os, struct, sys
for path in filter(os.path.exists, sys.argv[1:]):
    data = open(path, "rb").read()
    n = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + n])
    assert 8 + n + max(t["data_offsets"][1] for k, t in header.items() if k != "__metadata__") == len(data), path
PY
}
expect 0 '' "$dlc" train net.dl "${long[@]}" --log csv:whole.csv
mv last.safetensors whole.safetensors && mv best.safetensors whole_best.safetensors
rm -f run.ckpt
RANDOM=7 n_killed=0 n_finished=0
finish() {
  cmp last.safetensors whole.safetensors >out 2>&1 && cmp best.safetensors whole_best.safetensors >>out 2>&1 || fail "other bits after $n_killed kills"
  cmp killed.csv whole.csv >out 2>&1 || fail "another log after $n_killed kills"
  n_finished=$((n_finished + 1))
  rm -f run.ckpt last.safetensors best.safetensors
}
attempt() {  # in a process of its own, which becomes the run
  resume=()
  [ ! -e run.ckpt ] || resume=(--resume run.ckpt)
  exec "$dlc" train net.dl "${long[@]}" --checkpoint run.ckpt --log csv:killed.csv "${resume[@]}" >out 2>err </dev/null
}
while [ $n_killed -lt 50 ]; do
  attempt &
  pid=$!
  sleep 0.$(printf %03d $((20 + RANDOM % 200)))
  kill -9 $pid 2>/dev/null
  wait $pid 2>/dev/null
  status=$?
  sane run.ckpt last.safetensors best.safetensors 2>>err || fail "a corrupt file after $n_killed kills"
  case $status in
    0) finish ;;
    137) n_killed=$((n_killed + 1)) ;;
    *) fail "status $status after $n_killed kills"; break ;;
  esac
done
(attempt) && finish || fail 'the last run did not finish'
# A kill between a row and its checkpoint leaves a row that the resumed run writes again; so does an older checkpoint.
expect 0 '' "$dlc" train net.dl --set epochs=3 --checkpoint older.ckpt
expect 0 '' "$dlc" train net.dl --set epochs=6 --log csv:twice.csv,jsonl:twice.jsonl
cp twice.csv once.csv && cp twice.jsonl once.jsonl && echo -n 7,84 >>twice.csv
expect 0 '' "$dlc" train net.dl --set epochs=6 --resume older.ckpt --log csv:twice.csv,jsonl:twice.jsonl
cmp twice.csv once.csv >out 2>&1 && cmp twice.jsonl once.jsonl >>out 2>&1 || fail 'rows that are newer than the checkpoint'
echo "killed $n_killed times, finished $n_finished times"

# ---- SIGINT, when it has begun: finishes its step, saves, says how to go on; that command ends with the same bits
rm -f last.safetensors
"$dlc" train net.dl --set epochs=2000 --checkpoint "my run.ckpt" --log csv:int.csv >out 2>err </dev/null &
pid=$!
for ((k = 0; k < 100; ++k)); do [ -s last.safetensors ] && break; sleep 0.05; done
kill -INT $pid
wait $pid
[ $? = 130 ] || fail 'the status after SIGINT'
again=$(sed -n 's/^go on with: dlc //p' err)
[ -n "$again" ] || fail 'no word of how to go on'
sane 'my run.ckpt' 2>>err || fail 'a corrupt file after SIGINT'
done_epochs=$(($(wc -l <int.csv) - 1))
eval "'$dlc' ${again/epochs=2000/epochs=$((done_epochs + 5))}" >out 2>err </dev/null || fail "go on: $again"
cp last.safetensors resumed.safetensors
[ "$(cut -d, -f1 int.csv | sed 1d | xargs)" = "$(seq $((done_epochs + 5)) | xargs)" ] || fail 'the log of a resumed run'
expect 0 '' "$dlc" train net.dl --set epochs=$((done_epochs + 5))
expect 0 '' cmp resumed.safetensors last.safetensors

# ---- bad data: named by file, line and column; nothing is written and nothing lost
mkdir keep && cp last.safetensors best.safetensors run.csv keep
same_files() { for f in keep/*; do cmp -s "$f" "${f#keep/}" || fail "lost: ${f#keep/} ($1)"; done; ls -A | sort >now; cmp -s before now || fail "other files: $1"; }
bad() {  # WORD WHAT…: training on bad.csv fails with the word
  local word=$1
  touch before now && ls -A | sort >before
  expect 1 "$word" "$dlc" train "${2:-bad.dl}" --log csv:run.csv
  same_files "$word"
}
program bad.dl 's/wdbc.csv/bad.csv/'
rm -f bad.csv
bad 'bad.csv`: No such file'
touch bad.csv && bad 'bad.csv'
head -1 wdbc.csv >bad.csv && bad 'bad.csv'
sed '7s/,M$//; 7s/,B$//' wdbc.csv >bad.csv && bad 'bad.csv:7: '
sed '7s/,\([MB]\)$/,5,\1/' wdbc.csv >bad.csv && bad 'bad.csv:7: '
sed '7s/,[^,]*,/,abc,/' wdbc.csv >bad.csv && bad 'bad.csv:7: column 1 `texture_mean`: `abc` is not a number'
sed '7s/,[^,]*,/,nan,/' wdbc.csv >bad.csv && bad 'bad.csv:7: column 1 `texture_mean`: `nan` is no number'
sed '7s/,[^,]*,/,-inf,/' wdbc.csv >bad.csv && bad 'bad.csv:7: column 1 `texture_mean`: `-inf` is infinite'
sed '7s/,[^,]*,/,1e39,/' wdbc.csv >bad.csv && bad 'bad.csv:7: column 1 `texture_mean`: `1e39` is too large'
sed '7s/,[^,]*,/,,/' wdbc.csv >bad.csv && bad 'bad.csv:7: column 1 `texture_mean`: the cell is empty'
sed '7s/,[MB]$/,X/' wdbc.csv >bad.csv && bad 'bad.csv:7: column 30 `diagnosis`: `X` is none of the labels `M`, `B`'
sed 's/,B$/,M/' wdbc.csv >bad.csv && bad 'class'
sed '1s/diagnosis/diagnose/' wdbc.csv >bad.csv && bad 'has no column `diagnosis`; did you mean `diagnose`?'
cut -d, -f5- wdbc.csv >bad.csv && bad 'columns(0..30)'
gzip -c wdbc.csv | head -c 3000 >bad.csv && bad 'bad.csv'
{ printf '\x1f\x8b\x08\x00'; head -c 3000 /dev/urandom; } >bad.csv && bad 'bad.csv'
head -c 3000 /dev/urandom >bad.csv && bad 'bad.csv'
rm bad.csv && mkdir bad.csv && bad 'bad.csv'
rmdir bad.csv

# ---- weights and checkpoints that are bad
expect 0 '' "$dlc" train net.dl --set epochs=1 --checkpoint good.ckpt
cp last.safetensors best.safetensors keep
program other.dl 's/dot(W2, a1) + b2/dot(W2, a1) - b2/'
expect 1 'no checkpoint of this program' "$dlc" train other.dl --resume good.ckpt
program other.dl 's/W1 @ x + b1/W1 @ x - b1/'
expect 1 'no checkpoint of this program' "$dlc" train other.dl --resume good.ckpt
program other.dl 's/train = 0.8  test = 0.2/train = 0.7  test = 0.3/'
expect 1 'no checkpoint of this program' "$dlc" train other.dl --resume good.ckpt
sed 's/^17.99/17.98/' wdbc.csv >changed.csv
expect 1 'no checkpoint of this program' "$dlc" train net.dl --set data=changed.csv --resume good.ckpt
program other.dl 's#^// Is a tumour#// Is it really a tumour#'
expect 0 '' "$dlc" train other.dl --set epochs=2 --resume good.ckpt
expect 0 '' "$dlc" train net.dl --set epochs=1
cp last.safetensors best.safetensors keep
python3 - <<'PY' || fail 'making hostile files'
import json, os, struct
data = open("good.ckpt", "rb").read()
n = struct.unpack("<Q", data[:8])[0]
body = data[8 + n:]
def write(name, change):
    header = json.loads(data[8:8 + n])
    text = change(header)
    text = (text if isinstance(text, str) else json.dumps(header)).encode()
    open(name + ".bad", "wb").write(struct.pack("<Q", len(text)) + text + body)
def edit(name, **entries):
    write(name, lambda h: h["W1"].update(entries))
def swap(h): h["W1"]["data_offsets"] = h["@mean.W1"]["data_offsets"]
write("overlap", swap)
edit("overflow", shape=[2**62, 30])
edit("negative", shape=[-16, 30])
edit("outside", data_offsets=[0, 2**60])
edit("dtype", dtype="I32")
edit("unknown", dtype="F7")
write("gone", lambda h: h.pop("W1") and None)
write("nojson", lambda h: "{" * 1000)
write("list", lambda h: "[]")
for key in ("best", "objective_sum", "since_best"):
    write(key + "-gone", lambda h: h["__metadata__"].pop(key) and None)
    write(key + "-text", lambda h: h["__metadata__"].update({key: "x"}))
    for change in ("gone", "text"): os.rename(f"{key}-{change}.bad", f"{key}-{change}.lost")
open("huge.bad", "wb").write(struct.pack("<Q", 2**63 - 1) + data[8:])
open("short.bad", "wb").write(data[:5])
open("cut.bad", "wb").write(data[:-3])
open("empty.bad", "wb").close()
open("noise.bad", "wb").write(bytes(range(256)) * 40)
PY
ls -A | sort >before
for bad in *.bad no-such-file; do
  expect 1 "$bad" "$dlc" train net.dl --resume "$bad" --log csv:run.csv
  same_files "$bad"
  expect 1 "$bad" "$dlc" predict net.dl --weights "$bad" --data wdbc.csv -o run.csv
  same_files "$bad"
done
for lost in *.lost; do
  expect 1 "$lost: the checkpoint's position is missing or wrong" "$dlc" train net.dl --resume "$lost" --log csv:run.csv
  same_files "$lost"
done

# ---- a full disk and a folder that cannot be written
save_into() { sed "s#last.safetensors#$1/last.safetensors#" net.dl >save.dl; }
fails_to_save() {  # FOLDER
  save_into "$1"
  for command in "train save.dl --set epochs=2" "train net.dl --set epochs=2 --checkpoint $1/last.safetensors" "predict net.dl --weights best.safetensors --data wdbc.csv -o $1/last.safetensors"; do
    expect 1 "$1/last.safetensors" "$dlc" $command
    cmp -s "$1/last.safetensors" good.ckpt || fail "an earlier file is lost: $command"
    [ "$(ls -A "$1" | grep -v '^fill$')" = last.safetensors ] || fail "half a file is left: $command"
  done
}
mkdir small
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=64k tmpfs small 2>err; then
  mounted=$tmp/small
  cp good.ckpt small/last.safetensors
  head -c 100000 /dev/zero >small/fill 2>/dev/null
  fails_to_save "$tmp/small"
  for log in csv:small/new.csv jsonl:small/new.jsonl; do
    expect 1 "cannot write the log \`${log#*:}\`: No space left on device" "$dlc" train net.dl --set epochs=2 --log $log
    [ ! -e "${log#*:}" ] || fail "a log without a row is left: $log"
  done
  truncate -s -4096 small/fill
  expect 1 'cannot write the log' "$dlc" train net.dl --set epochs=300 --log jsonl:small/rows.jsonl
  [ -s small/rows.jsonl ] && [ -z "$(tail -c 1 small/rows.jsonl)" ] || fail 'half a row is left in a log'
  rm small/rows.jsonl
  rm small/fill && mount -o remount,ro small && fails_to_save "$tmp/small"
elif [ "$(id -u)" != 0 ]; then
  echo 'left out: a full disk (only root can make a small one)'
  cp good.ckpt small/last.safetensors && chmod 555 small && fails_to_save "$tmp/small"
  chmod 755 small
else
  echo 'left out: a full disk and a read-only folder (no file system can be mounted here)'
fi

[ $failed = 0 ] && echo 'training: good'
exit $failed
