using System.Runtime.CompilerServices;
using StackExchange.Redis;

namespace DurableGateway.Storage;

/// <summary>Writes records of any size. A large one is sent once: the store is asked before, and again after a lost answer, whether it has it.</summary>
internal static class LargeRecords
{
    /// <summary>What a script answers that was called with an empty record, and would store one.</summary>
    private const string Send = "send";

    /// <param name="connection">The store.</param>
    /// <param name="script">The script. With an empty record it checks what it would check, and stores nothing.</param>
    /// <param name="keys">Its keys.</param>
    /// <param name="bytes">About how large the record is.</param>
    /// <param name="record">Makes the record. Called only where it is sent, so that a store that is away costs no encryption.</param>
    /// <param name="values">Makes the script's arguments with the record. Called when the call begins.</param>
    /// <param name="caller">What it is called in traces.</param>
    public static async Task<RedisResult> WriteAsync(
        this StoreConnection connection, string script, RedisKey[] keys, long bytes, Func<RedisValue> record, Func<RedisValue, RedisValue[]> values,
        [CallerMemberName] string caller = "")
    {
        if (connection.IsLarge(bytes))
        {
            // Replicas need not confirm that there is nothing yet. What is there already counts when they have it.
            Task<RedisResult> AskAsync(IDatabase db) => db.ScriptEvaluateAsync(script, keys, values(RedisValue.EmptyString));
            if (!IsSend(await connection.ExecuteAsync(AskAsync, caller)))
            {
                var answer = await connection.ExecuteSafelyAsync(keys[0], AskAsync, caller);
                if (!IsSend(answer)) return answer;
            }
        }

        return await connection.WriteLargeAsync(keys[0], bytes, db => db.ScriptEvaluateAsync(script, keys, values(record())), caller);
    }

    private static bool IsSend(RedisResult answer) => (answer.Length > 0 ? answer[0] : answer).ToString() == Send;
}
