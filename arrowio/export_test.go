package arrowio

// BlockBytes lets tests have small blocks.
var BlockBytes = &blockBytes
