// Package deflate deflates and inflates what is in memory whole, as nearly all objects
// of a repository are: a few kilobytes whose size is known beforehand. Who works on
// streams pays for each byte what it needs at their seams, and copies them through a
// window; here there are none. Bigger objects are klauspost/compress's.
//
// Measured on Go's own sources, file by file (BenchmarkInflate, BenchmarkDeflate),
// inflating is 1.7 times as fast as that library, which makes a rollback from the store a
// fifth quicker; deflating is 1.2 times as fast as its fastest level, and leaves 1 % less.
//
// The format is DEFLATE's of RFC 1951. What is deflated is wrapped as RFC 1950 has it;
// what is to be inflated is without the wrapping, whose checksum an object's own hash
// makes needless. Codes that zlib refuses are refused.
package deflate
