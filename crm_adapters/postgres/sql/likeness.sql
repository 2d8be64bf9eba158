-- name: alike_ids
-- The keys that several records have, with the ids of some of these, among the next entries of the index. The last key
-- of all may go on behind these entries, so the key before it is returned too.
with chunk as materialized (
    select key, record from likeness
    where resource = %(resource)s and key > %(after)s
    order by key, record limit %(entries)s
), last as (
    select max(key) as key, count(*) as entries from chunk
), before as (
    select max(key) as key from chunk where key < (select key from last)
)
select last.key, last.entries, before.key, alike.key, alike.ids
from last cross join before left join (
    select key, (array_agg(record order by record))[1:%(most)s] as ids
    from chunk group by key having count(*) > 1 order by key limit %(keys)s
) as alike on true
order by alike.key

-- name: alike_records
select id, name, crm_likeness(name_folded, attributes) from {table} where id = any(%(ids)s)
