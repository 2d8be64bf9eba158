-- name: alike_ids
-- The first keys that several records have, with the ids of some of these, among the next entries of the index.
select key, (array_agg(record order by record))[1:%(most)s]
from (
    select key, record from likeness where resource = %(resource)s and key > %(after)s
    order by key, record limit %(entries)s
) as chunk
group by key having count(*) > 1 order by key limit %(keys)s

-- name: alike_end
-- The key of the last one of these entries, which may go on behind them, and the key before it; none if there are fewer.
with last as (
    select key from likeness where resource = %(resource)s and key > %(after)s
    order by key, record offset %(entries)s - 1 limit 1
)
select key, (
    select max(key) from likeness where resource = %(resource)s and key > %(after)s and key < (select key from last))
from last

-- name: alike_records
-- What keys are made of: names, and short texts.
select id, name, coalesce((
    select json_object_agg(key, value #>> '{{}}') from jsonb_each(attributes)
    where jsonb_typeof(value) = 'string' and length(value #>> '{{}}') <= %(length)s), '{{}}')::text
from {table} where id = any(%(ids)s)
