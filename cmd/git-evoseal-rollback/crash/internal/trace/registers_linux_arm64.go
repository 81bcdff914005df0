package trace

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

const sysRenameat = unix.SYS_RENAMEAT

// Register sets of linux/elf.h that x/sys has no names for.
const (
	generalSet    = 1
	systemCallSet = 0x404
)

// skip makes the thread that stands before a system call make none.
func skip(thread int) error {
	none := int32(-1)
	iov := unix.Iovec{Base: (*byte)(unsafe.Pointer(&none))}
	iov.SetLen(4)
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_SETREGSET, uintptr(thread), systemCallSet, uintptr(unsafe.Pointer(&iov)), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// answer sets what the system call that the thread has just left returns.
func answer(thread int, result int64) error {
	var regs unix.PtraceRegsArm64
	if err := unix.PtraceGetRegSetArm64(thread, generalSet, &regs); err != nil {
		return err
	}
	regs.Regs[0] = uint64(result)
	return unix.PtraceSetRegSetArm64(thread, generalSet, &regs)
}
