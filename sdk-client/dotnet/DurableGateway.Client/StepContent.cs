using System;
using System.IO;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Threading;
using System.Threading.Tasks;

namespace DurableGateway.Client;

/// <summary>Serializes the results of steps of one type.</summary>
internal abstract class StepContent<T>
{
    public abstract string ContentType { get; }

    /// <summary>The bytes to store, and the result for the handler. It is deserialized from them, so that replays get the same.</summary>
    public abstract Task<(byte[] Body, T Result)> WriteAsync(T result);

    public abstract T Read(byte[] body);

    /// <summary>Buffers a stream that the body returned. This is still part of the step.</summary>
    public virtual Task<T> ReceiveAsync(string step, T result, CancellationToken cancellationToken) => Task.FromResult(result);
}

internal static class StepContent
{
    public const string JsonType = "application/json";
    public const string BytesType = "application/octet-stream";

    public static StepUsageException NullStream(string step) =>
        new($"Step '{step}' returns null instead of a stream. Return an empty stream.");

    /// <exception cref="StepUsageException">The type cannot be serialized.</exception>
    public static StepContent<T> For<T>(string step, JsonSerializerOptions json)
    {
        if (typeof(T) == typeof(byte[])) return (StepContent<T>)(object)new BytesContent();
        if (typeof(T) == typeof(Stream)) return (StepContent<T>)(object)new StreamContent();
        try
        {
            return new JsonContent<T>(step, (JsonTypeInfo<T>)json.GetTypeInfo(typeof(T)));
        }
        catch (Exception e) when (e is NotSupportedException or InvalidOperationException)
        {
            throw new StepUsageException(
                $"Step '{step}' returns {typeof(T)}, which cannot be stored as JSON. Return plain data from the step: "
                + "a record of the data that the rest of the handler needs. "
                + "With source generation, add the type to the JsonSerializerContext.", e);
        }
    }

    /// <summary>The content of a step without a result.</summary>
    public sealed class Nothing : StepContent<bool>
    {
        public static readonly Nothing Instance = new();

        public override string ContentType => JsonType;

        public override Task<(byte[], bool)> WriteAsync(bool result) => Task.FromResult<(byte[], bool)>((Array.Empty<byte>(), true));

        public override bool Read(byte[] body) => true;
    }

    private sealed class BytesContent : StepContent<byte[]>
    {
        public override string ContentType => BytesType;

        public override Task<(byte[], byte[])> WriteAsync(byte[] result) => Task.FromResult((result ?? [], result ?? []));

        public override byte[] Read(byte[] body) => body;
    }

    private sealed class StreamContent : StepContent<Stream>
    {
        public override string ContentType => BytesType;

        public override async Task<Stream> ReceiveAsync(string step, Stream result, CancellationToken cancellationToken)
        {
            if (result is null) throw StepContent.NullStream(step);
            using (result)
            {
                var copy = new MemoryStream();
                await result.CopyToAsync(copy, 81920, cancellationToken).ConfigureAwait(false);
                return copy;
            }
        }

        public override Task<(byte[], Stream)> WriteAsync(Stream result)
        {
            var body = ((MemoryStream)result).ToArray();
            return Task.FromResult((body, Read(body)));
        }

        public override Stream Read(byte[] body) => new MemoryStream(body, writable: false);
    }
}
