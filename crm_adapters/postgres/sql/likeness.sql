-- name: alike_ids
-- The keys that several records have, with the ids of some of these, among the next entries of the index. The last key
-- of all may go on behind these entries, so the key before it is returned too.
with chunk as materialized (
    select key, record from likeness
    where resource = %(resource)s and key > %(after)s
    order by key, record limit %(entries)s
), last as (
    select max(key) as key, count(*) as entries from chunk
)
select last.key, last.entries, (select max(key) from chunk where key < last.key), alike.key, alike.ids
from last left join (
    select key, (array_agg(record order by record))[1:%(most)s] as ids from chunk group by key having count(*) > 1
) as alike on true
order by alike.key

-- name: alike_records
select id, name, crm_likeness(name_folded, attributes) from {table} where id = any(%(ids)s)
