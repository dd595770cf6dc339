"""What a bundle tells people: one account, told as a page (`report.html`) and as a document (`report.pdf`).

Every statement repeats an entry of the same bundle; the account proves nothing by itself and says so.
`story` reads the entries once, `telling` and `sessions` make `blocks` of them, `page` and `paper` set these.
"""
