using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Threading.Tasks;

namespace DurableGateway.Client;

/// <summary>A number as JSON. It does not use the handler's options, because source-generated ones may not know the type.</summary>
internal sealed class CountContent : StepContent<int>
{
    public static readonly CountContent Instance = new();

    public override string ContentType => StepContent.JsonType;

    public override Task<(byte[] Body, int Result)> WriteAsync(int result) =>
        Task.FromResult((Encoding.UTF8.GetBytes(result.ToString(CultureInfo.InvariantCulture)), result));

    public override int Read(byte[] body)
    {
        using var document = JsonDocument.Parse(body);
        return document.RootElement.ValueKind == JsonValueKind.Number && document.RootElement.TryGetInt32(out var count)
            ? count
            : throw new JsonException("The value is not a whole number.");
    }
}
