package memory

import "syscall"

// preferHugePages asks for pages of 2 MiB. Every byte of a segment is copied in by the kernel
// and out again for each viewer, mostly to and from memory that no processor has used for
// seconds: with small pages looking up where they are takes longer than the copy, most of all
// in virtual machines. Little is lost by it, as the lowest addresses are used first. Where the
// system has no such pages, or is told never to use them, it stays with small ones.
func preferHugePages(b []byte) { _ = syscall.Madvise(b, syscall.MADV_HUGEPAGE) }
