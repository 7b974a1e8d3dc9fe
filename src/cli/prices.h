/* The commands of `outlay prices`, besides import. As those of cli.h; argv[0] is their name. */
#pragma once

int prices_show_run(int argc, char **argv);
int prices_diff_run(int argc, char **argv);
