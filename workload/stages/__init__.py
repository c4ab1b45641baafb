"""The stages of the stream, each a few rules over its own state: `reads`, `decodes`, `batches`.

The rules, in order:

1. `Reads`: the next picture is read while rows are asked for so far ahead, and reads, bytes and pictures that
   wait for a decoder are within their bounds.
2. `Decodes`: the earliest picture that was read is decoded while fewer than two batches are decoded, and the
   pixels that are decoded at once are within their bound.
3. `Batches`: the earliest decoded pictures go to the model once they fill a batch, nothing will be added to
   them, or the first has waited long enough; the very first picture waits for nobody.
4. `Outcome`: answers are given out in the order of the pictures. A picture that cannot be read is its own
   answer; any other failure ends the job behind the last picture before it.

INVARIANT: whatever a stage's state is, it is read and written with the one lock of `Workers` held, and
`Workers.wake` follows every change.
"""
