"""The log of what a broker released: appended with it, proved, signed, cosigned, served."""
