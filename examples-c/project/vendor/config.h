// Code of others, as projects carry it along: vgrun.config.json says that it is a library.
#ifndef CONFIG_H
#define CONFIG_H

void config_load(void);

#endif
