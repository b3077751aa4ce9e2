if redis.call('EXISTS', KEYS[1]) == 0 then
  -- Nothing is known of what was said before.
  redis.call('HSET', KEYS[1], '', now)
end
redis.call('HSET', KEYS[1], ARGV[1], (now + ARGV[2]) .. ' ' .. ARGV[3])
redis.call('PEXPIRE', KEYS[1], 4 * ARGV[2])
