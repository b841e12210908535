/* Makes any MariaDB or MySQL client library do what MariaDB Connector/C 3.3.19 does (CONC-821): binding results sets their
   lengths to 0, also when diesel binds again after it has fetched a text that was longer than its buffer. To be preloaded. */

#define _GNU_SOURCE
#include <dlfcn.h>

/* The first member and the size of both libraries' MYSQL_BIND on 64-bit systems. */
struct bind {
    unsigned long *length;
    char rest[104];
};

typedef char (*bind_result)(void *, struct bind *);
typedef unsigned int (*field_count)(void *);

char mysql_stmt_bind_result(void *statement, struct bind *binds) {
    bind_result next = (bind_result)dlsym(RTLD_NEXT, "mysql_stmt_bind_result");
    field_count count = (field_count)dlsym(RTLD_NEXT, "mysql_stmt_field_count");
    char failed = next(statement, binds);
    for (unsigned int i = 0; i < count(statement); i++) {
        if (binds[i].length) {
            *binds[i].length = 0;
        }
    }
    return failed;
}
