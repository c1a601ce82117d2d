#include "http-priv.h"
int
http_h2_start(struct http_conn *conn)
{
	http_conn_close(conn, false);
	return 0;
}
void
http_h2_input(struct http_conn *conn, const void *data, size_t len)
{
}
void
http_h2_run(struct http_conn *conn)
{
}
void
http_h2_drain(struct http_conn *conn)
{
}
void
http_h2_free(struct http_conn *conn)
{
}
enum http_wait
http_h2_wanted_wait(const struct http_conn *conn)
{
	return 0;
}
void
http_h2_lost(struct http_conn *conn, int why)
{
}
void
http_h2_expired(struct http_server *server, struct http_timer *timer, enum http_wait wait)
{
}
