-- bad
DROP TYPE mood;
-- bad
DROP DOMAIN positive;
-- good
CREATE TYPE x AS ENUM ('a');
DROP TYPE x;
