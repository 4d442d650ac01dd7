/* cmd.h - the subcommands, one per cmd_*.c; command.c has the table. */
#ifndef ADMIN_CMD_H
#define ADMIN_CMD_H

#include "admin/run.h"

command_run cmd_status;
command_run cmd_region_show;
command_run cmd_region_force; /* up, down, drain, auto: the command's second word */
command_run cmd_routers;
command_run cmd_events;
command_run cmd_watch;
command_run cmd_doctor;
command_run cmd_config_check;

#endif
