// Owns the answer to which blocks are the system's own: nobody but the C library and the loader could free them.

/** `/lib64/ld-linux-x86-64.so.2`, `/lib/ld-2.31.so`, `ld-musl-x86_64.so.1` */
const loader = /(?:^|\/)ld(?:-[\w-]+)?(?:-\d\.\d+)?\.so(?:\.\d+)*$/;

/** The buffer of a FILE, whoever was the first to print: it is freed by fclose, and that of stdout by nobody. */
const stdioBuffer = /^(?:__GI_)?_IO_w?file_doallocate$/;

/** Whether a block is the system's own. @param caller who called the allocator, as far as it is known. */
export function isSystemBlock(caller: { readonly object?: string; readonly function?: string }): boolean {
  return (
    (caller.object !== undefined && loader.test(caller.object)) ||
    (caller.function !== undefined && stdioBuffer.test(caller.function))
  );
}
