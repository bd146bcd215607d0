/* SPDX-License-Identifier: Apache-2.0 */
/* accel_guest.S - the tiny guest of the accelerator probe: a 64 KiB firmware that enters long
 * mode through page tables of its own, counts with lock cmpxchg16b, and writes a line to I/O port
 * 0xe9. It is data of the agent (never run by it): every address is worked out from the start of
 * the image, which the machine maps so that it ends at 4 GiB. */

	.section .rodata
	.balign	16
	.globl	accel_guest_start, accel_guest_end
	.type	accel_guest_start, @object

#define ROM_BASE	0xffff0000
#define AT(label)	(ROM_BASE + (label - accel_guest_start))
#define PML4		0x10000
#define PDPT		0x11000
#define DIRECTORIES	0x12000		/* four of them: 4 GiB in pages of 2 MiB */
#define COUNTER		0x20000
#define STACK		0x30000

accel_guest_start:
	.org	accel_guest_start + 0xf000	/* within a short way of the reset vector */
	.code16
real_mode:
	cli
	lgdtl	%cs:(gdt_pointer - accel_guest_start)
	movl	%cr0, %eax
	orl	$1, %eax
	movl	%eax, %cr0
	ljmpl	$0x08, $AT(protected_mode)

	.code32
protected_mode:
	movw	$0x10, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movl	$STACK, %esp
	cld

	movl	$PML4, %edi		/* clear all tables */
	xorl	%eax, %eax
	movl	$(0x6000 / 4), %ecx
	rep stosl
	movl	$(PDPT + 3), (PML4)
	movl	$(DIRECTORIES + 0x0003), (PDPT + 0)
	movl	$(DIRECTORIES + 0x1003), (PDPT + 8)
	movl	$(DIRECTORIES + 0x2003), (PDPT + 16)
	movl	$(DIRECTORIES + 0x3003), (PDPT + 24)
	movl	$DIRECTORIES, %edi
	movl	$0x83, %eax		/* present, writable, large */
1:	movl	%eax, (%edi)
	addl	$8, %edi
	addl	$0x200000, %eax
	jnc	1b

	movl	%cr4, %eax
	orl	$(1 << 5), %eax		/* PAE */
	movl	%eax, %cr4
	movl	$PML4, %eax
	movl	%eax, %cr3
	movl	$0xc0000080, %ecx	/* EFER.LME */
	rdmsr
	orl	$(1 << 8), %eax
	wrmsr
	movl	%cr0, %eax
	orl	$(1 << 31), %eax	/* paging */
	movl	%eax, %cr0
	ljmpl	$0x18, $AT(long_mode)

	.code64
long_mode:
	movl	$1, %eax
	cpuid
	btl	$13, %ecx		/* CMPXCHG16B */
	jnc	stop
	movl	$COUNTER, %edi
	movq	$0, (%rdi)
	movq	$0, 8(%rdi)
	movl	$100000, %r8d
2:	movq	(%rdi), %rax
	movq	8(%rdi), %rdx
	leaq	1(%rax), %rbx
	leaq	3(%rdx), %rcx
	lock cmpxchg16b (%rdi)
	jnz	stop
	decl	%r8d
	jnz	2b
	cmpq	$100000, (%rdi)
	jne	stop
	cmpq	$300000, 8(%rdi)
	jne	stop

	leaq	answer(%rip), %rsi
	movl	$(answer_end - answer), %ecx
	movw	$0xe9, %dx
	rep outsb
stop:					/* a fault without handlers resets: the machine ends */
	lidt	no_handlers(%rip)
	ud2

no_handlers:
	.quad	0, 0

answer:
	.ascii	"genkan 64-bit guest answers\n"
answer_end:

	.balign	8
gdt:
	.quad	0
	.quad	0x00cf9b000000ffff	/* 0x08: 32-bit code */
	.quad	0x00cf93000000ffff	/* 0x10: data */
	.quad	0x00af9b000000ffff	/* 0x18: 64-bit code */
gdt_pointer:
	.word	gdt_pointer - gdt - 1
	.long	AT(gdt)

	.org	accel_guest_start + 0xfff0
	.code16
reset:
	jmp	real_mode
	.org	accel_guest_start + 0x10000
accel_guest_end:
	.size	accel_guest_start, . - accel_guest_start
	.section .note.GNU-stack, "", @progbits
