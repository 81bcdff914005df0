package trace

import "golang.org/x/sys/unix"

const sysRenameat = unix.SYS_RENAMEAT

// skip makes the thread that stands before a system call make none.
func skip(thread int) error {
	var regs unix.PtraceRegs
	if err := unix.PtraceGetRegs(thread, &regs); err != nil {
		return err
	}
	regs.Orig_rax = ^uint64(0)
	return unix.PtraceSetRegs(thread, &regs)
}

// answer sets what the system call that the thread has just left returns.
func answer(thread int, result int64) error {
	var regs unix.PtraceRegs
	if err := unix.PtraceGetRegs(thread, &regs); err != nil {
		return err
	}
	regs.Rax = uint64(result)
	return unix.PtraceSetRegs(thread, &regs)
}
