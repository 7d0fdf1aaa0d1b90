/* What --help says, and the same tables in Markdown for the README (`ringback help --markdown`). */
#include "ops/help.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "api/openapi.h"
#include "ops/commands.h"

static const struct process *const *all_processes;
static const struct command *const *all_commands;

void help_tables(const struct process *const *processes, const struct command *const *commands)
{
    all_processes = processes;
    all_commands = commands;
}

static void flag_of(const char *name, char out[48])
{
    size_t i;

    for (i = 0; name[i] != '\0' && i < 47; i++)
        out[i] = (char)(name[i] == '_' ? '-' : tolower((unsigned char)name[i]));
    out[i] = '\0';
}

static void print_settings(FILE *out)
{
    char flag[48];

    fputs("\nSettings: --flag VALUE, or the environment variable RINGBACK_<NAME>; flags win.\n",
          out);
    for (int i = 0; i < SETTING_COUNT; i++) {
        flag_of(settings[i].name, flag);
        fprintf(out, "  --%-22s %s", flag, settings[i].help);
        if (settings[i].fallback != NULL)
            fprintf(out, " [%s]", settings[i].fallback);
        fputc('\n', out);
    }
}

void help_overview(FILE *out)
{
    fputs(
        "ringback: the event backbone for AI voice calling in commerce\n\n"
        "usage: ringback ROLE [--flags]     ringback ROLE --help tells more\n\nRoles that stay:\n",
        out);
    for (const struct process *const *p = all_processes; *p != NULL; p++)
        fprintf(out, "  %-10s %s\n", (*p)->name, (*p)->help);
    fputs("\nCommands that end:\n", out);
    for (const struct command *const *c = all_commands; *c != NULL; c++)
        fprintf(out, "  %-10s %s\n", (*c)->name, (*c)->help);
    fputs("\nOn one machine: ./deploy/run does everything. By hand: ringback migrate && ringback "
          "all\n",
          out);
}

int help_process(const struct process *p)
{
    printf("ringback %s: %s\n\nusage: ringback %s [--flags]\n", p->name, p->help, p->name);
    print_settings(stdout);
    return 0;
}

int help_command(const struct command *c)
{
    printf("ringback %s: %s\n\nusage: ringback %s %s\n", c->name, c->help, c->name, c->usage);
    print_settings(stdout);
    return 0;
}

static void print_markdown(void)
{
    puts("| role | what it does |\n|---|---|");
    for (const struct process *const *p = all_processes; *p != NULL; p++)
        printf("| `%s` | %s |\n", (*p)->name, (*p)->help);
    for (const struct command *const *c = all_commands; *c != NULL; c++)
        printf("| `%s` | %s |\n", (*c)->name, (*c)->help);
    puts("\n| setting | default | what it is |\n|---|---|---|");
    for (int i = 0; i < SETTING_COUNT; i++)
        printf("| `RINGBACK_%s` | %s%s%s | %s |\n", settings[i].name,
               settings[i].fallback ? "`" : "", settings[i].fallback ? settings[i].fallback : "",
               settings[i].fallback ? "`" : "", settings[i].help);
}

/* The endpoints of the REST API, for the README. */
static int print_endpoints(void)
{
    static struct plans plans;
    char *text;

    plans_make(&plans, api_endpoints, api_endpoints_n);
    text = openapi_markdown(&plans);
    if (text == NULL)
        return 1;
    fputs(text, stdout);
    free(text);
    return 0;
}

static int command_run(const struct config *config, int argc, char **argv)
{
    (void)config;
    if (argc > 1 && strcmp(argv[1], "--markdown") == 0)
        print_markdown();
    else if (argc > 1 && strcmp(argv[1], "--endpoints") == 0)
        return print_endpoints();
    else
        help_overview(stdout);
    return 0;
}

const struct command command_help = {
    .name = "help",
    .usage = "[--markdown | --endpoints]",
    .help = "this overview; --markdown and --endpoints print the tables of the README",
    .run = command_run,
};
