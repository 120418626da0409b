"""Scores the first line of answer.txt, after as many seconds as the file `pause` says.

quorate-canary 5d0a6e57-7d57-4b7e-9d0b-0c1c5b8f3a42
"""

import time

with open("/task/scorer/pause") as file:
    time.sleep(float(file.read()))
with open("/work/answer.txt", errors="replace") as file:
    answer = file.readline(20).strip()
if answer.isascii() and answer.isdigit() and int(answer) <= 100:
    sample = int(answer) / 100
    print('{"status":"valid","raw":%d,"samples":[%r,%r,%r]}' % (int(answer), sample, sample, sample))
else:
    print('{"status":"invalid","reason":"the first line is no number from 0 to 100"}')
