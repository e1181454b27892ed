using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Threading.Tasks;

namespace DurableGateway.Client;

internal sealed class JsonContent<T> : StepContent<T>
{
    private readonly JsonTypeInfo<T> _type;

    /// <exception cref="StepUsageException">The serializer would silently lose parts of the type.</exception>
    public JsonContent(string step, JsonTypeInfo<T> type)
    {
        _type = type;
        if (JsonLosses.Of(type) is { } lost)
        {
            throw new StepUsageException(
                $"Step '{step}' returns {typeof(T)}. JSON loses the elements of the tuple {lost}, because they are fields. "
                + "Return a record instead, or set IncludeFields of the JsonSerializerOptions.");
        }
    }

    public override string ContentType => StepContent.JsonType;

    public override Task<(byte[], T)> WriteAsync(T result)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(result, _type);
        return Task.FromResult((body, Read(body)));
    }

    public override T Read(byte[] body) => JsonSerializer.Deserialize(body, _type)!;
}
