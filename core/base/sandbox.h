/* What a failure may have to do with the sandbox of the packages' systemd unit, and which drop-in would allow it. Any
 * thread. */
#ifndef CORE_BASE_SANDBOX_H
#define CORE_BASE_SANDBOX_H

/* Behind strerror(why) about a file or folder that was to be written to: "; the unit's sandbox …", or "" when that is
 * not the cause, or no systemd started this process. Valid until this thread calls again. */
const char *sandbox_hint(int why, const char *path);
/* The same about a port below 1024 that may not be taken. */
const char *sandbox_hint_port(void);

#endif
