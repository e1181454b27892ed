using System.Runtime.CompilerServices;
using StackExchange.Redis;

namespace DurableGateway.Storage;

/// <summary>Writes records of any size. A large one is sent once: the store is asked before, and so after a lost answer, whether it has it.</summary>
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
        if (!connection.IsLarge(bytes)) return await connection.ExecuteSafelyAsync(keys[0], SendAsync, caller);

        // Replicas need not confirm that there is nothing yet. What is there already counts when they have it.
        if (!IsSend(await connection.ExecuteAsync(AskAsync, caller)))
        {
            var known = await connection.ExecuteSafelyAsync(keys[0], AskAsync, caller);
            if (!IsSend(known)) return known;
        }

        return await connection.WriteLargeAsync(keys[0], bytes, async db =>
        {
            // It has waited for its turn. A caller that did not wait so long for the answer may have sent the same again meanwhile.
            var known = await AskAsync(db);
            return IsSend(known) ? await SendAsync(db) : known;
        }, caller);

        Task<RedisResult> AskAsync(IDatabase db) => db.ScriptEvaluateAsync(script, keys, values(RedisValue.EmptyString));
        Task<RedisResult> SendAsync(IDatabase db) => db.ScriptEvaluateAsync(script, keys, values(record()));
    }

    private static bool IsSend(RedisResult answer) => (answer.Length > 0 ? answer[0] : answer).ToString() == Send;
}
