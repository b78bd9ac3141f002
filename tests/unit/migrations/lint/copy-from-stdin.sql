-- bad
COPY orders FROM STDIN;
-- good
COPY orders FROM '/srv/orders';
